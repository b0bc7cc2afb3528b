"""A checker of saved objects for Kibana that needs no Kibana.

`structure` says whether Kibana could load them; `run` sends the query behind every panel, control and saved search to a
real Elasticsearch. What the checker does not understand it reports: it passes nothing unseen.
"""
