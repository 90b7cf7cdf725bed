"""Questions on their way to models: ranked lists, breakers, money, records, and what operators are told."""
