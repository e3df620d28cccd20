"""The stage framework: a query, candidates as columns, component kinds, and the executor that runs them."""
