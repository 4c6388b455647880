"""Data this project generates."""
