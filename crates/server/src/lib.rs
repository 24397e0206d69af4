//! The library half of `weir`.
