"""Cascade with shards of the index and rankers in processes of their own, on the stores that are there."""

import os

from benchmarks.contenders.fused import main

if __name__ == "__main__":
    os.environ["CASCADE_SERVING__TOPOLOGY"] = "distributed"
    main()
