"""Whether J and -G point the same way: at points, in simplex coordinates, at every softmax theta."""
