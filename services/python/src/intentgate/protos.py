"""Prints the folder that imports of intentgate/v1/*.proto are resolved from: `protoc -I "$(python -m intentgate.protos)"`.

Google's protos that googleapis-common-protos brings, such as google/type/date.proto, are in the same one.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.stdout.write(f"{Path(__file__).parent.parent}\n")
