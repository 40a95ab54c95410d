"""
Chalk Auth: an OAuth 2.0 authorization server for API platforms.

                factory.py            joins the parts; nothing else does
       ┌───────────────────────────┐
       │ entrypoints/              │  chalk  oauth  reference  probes  cli    doors: translate, never decide
       ├───────────────────────────┤
       │ protocol/                 │  OAuth 2.0 as we speak it, on Authlib    one grant calls one story
       ├───────────────────────────┤
       │ flows/                    │  exchange_api_key  refresh_access ...    stories: one file, one transaction
       ├───────────────────────────┤
       │ domain/                   │  rooms that do not know each other       tables, rules, pure decisions
       ├───────────────────────────┤
       │ settings.py  foundation/  │  clock, secrets, ids, database, errors   knows nothing of tenants
       └───────────────────────────┘

Arrows point down. `docs/architecture.md` walks one request through the house.
"""
