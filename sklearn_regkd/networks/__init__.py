"""Who learns: the built-in network, and the scalings that become part of any network."""
