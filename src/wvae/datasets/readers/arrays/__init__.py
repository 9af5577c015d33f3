"""NumPy files: .npz and .npy."""
