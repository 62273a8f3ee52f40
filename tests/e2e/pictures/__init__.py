"""The pictures of the pages: a team's plans on a cluster of three, left to run for a while, and then photographed."""
