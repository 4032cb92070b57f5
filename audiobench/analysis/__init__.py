"""What run directories say when their conditions are set beside each other: does thinking help, does it listen?

Everything here is a pure function of run directories, except `traces`, which may ask a judge or the model again and
writes what it heard beside the journal.
"""
