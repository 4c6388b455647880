"""DQ on DuckDB: join orders found by search and a learned policy, forced, checked."""
