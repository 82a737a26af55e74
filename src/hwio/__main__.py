"""``python -m hwio`` is ``hwio``."""

import sys

from hwio.cli import main

sys.exit(main())
