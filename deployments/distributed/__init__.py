"""Topology `distributed`: shards of the index and rankers as deployments of their own, which feed servers ask."""
