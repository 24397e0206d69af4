//! Who may push and play what.
