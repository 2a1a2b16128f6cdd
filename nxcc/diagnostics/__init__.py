"""What nxcc has to say about an input: values that are collected and rendered once."""
