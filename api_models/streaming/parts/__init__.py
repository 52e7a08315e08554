"""Small mechanisms under the heart, each by itself: they know neither streams nor events nor handlers."""
