"""An example of typed intents in Python: where a shop's branches are and when they are open, in English and German.

What it can be asked stands in proto/shop/stores/v1/store_service.proto. It is called by Dialogflow agents, ES and CX alike, and
by the shop's other programs through the generated client; pickup is such a program, which calls another team's service.
"""
