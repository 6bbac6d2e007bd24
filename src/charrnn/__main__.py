"""`python -m charrnn`."""

from charrnn.cli import main

if __name__ == "__main__":  # workers of mpi4py.futures import what the first rank runs
    main()
