"""From trained models to a release."""
