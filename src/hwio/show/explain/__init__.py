"""What does a convolution do? Shapes, sizes, cost, and one number traced to its products."""
