"""HOW SERVERS TALK: one stream from every server to every other, for beats, questions and answers.

Admits what moves words between servers. What a question means is decided above, by whoever answers it.
"""
