"""The ground floor: settings, wire types, online store, event log, releases, command line."""
