"""Small games as tables: pure and mixed equilibria, best replies, the law fleets are drawn from."""
