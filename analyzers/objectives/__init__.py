"""What is promised of a model, how much of the room for failure is left, and how quickly it is being used up."""
