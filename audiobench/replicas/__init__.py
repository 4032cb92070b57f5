"""Replicas of a model on a Ray cluster (`--engine ray`): actors that host an ordinary adapter, asked through one adapter.

    with Fleet(Charge(spec), wanted) as fleet:   # `fleet.py`: who is up, who is lost, who joins
        Engine(stage, fleet, ...)                # engine, retries, concurrency and journal stay in this process

`actor.py` is what runs on a node. Ray is imported only where a fleet is opened.
"""
