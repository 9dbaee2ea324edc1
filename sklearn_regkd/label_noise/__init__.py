"""Which labels are wrong: out-of-fold models, the evidence they give, and the rules."""
