"""`python -m api_models` is the command `api-models`."""

import sys

from .cli import main

sys.exit(main())
