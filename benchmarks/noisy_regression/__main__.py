"""The command ``python -m benchmarks.noisy_regression``."""

from benchmarks.noisy_regression.run import main

if __name__ == "__main__":
    main()
