"""What the models are worth: ranking and retrieval on days that they have not seen."""
