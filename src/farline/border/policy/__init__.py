"""The rules of an end point policy group, one kind of rule a module."""
