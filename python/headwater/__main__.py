"""The command line: ``headwater``, ``hw`` and ``python -m headwater``."""

import sys

from headwater._core import Session


def main() -> int:
    """Run the command in ``sys.argv`` and return its exit code."""
    return Session().main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
