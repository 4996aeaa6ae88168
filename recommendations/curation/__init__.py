"""What staff change of lists: scenarios, which configure a placement, and rules, which put or take movies.

``active`` has what is in force, which each process keeps under the database's state; ``services`` writes.
"""
