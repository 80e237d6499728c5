"""`python -m dgpg_verify`, the same as the command `dgpg-verify`."""

from dgpg_verify.cli.main import main

if __name__ == "__main__":
    main()
