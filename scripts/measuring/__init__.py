"""What bench.py is made of: limits, a load generator, a pool full of users, and the processes under load.

`limits` is what the machine allows, `operations` what the service is asked, `generator` asks it, `world` is the pool
that it is asked about and `crowd` its many users, `processes` starts what is measured and reads what the system knows
of it, `report` shows the outcome.
"""
