"""From measured costs, what a deployment needs: nodes, memory, shards and replicas, and a day of its autoscaling."""
