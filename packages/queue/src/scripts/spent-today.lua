-- Returns the day's spending, calls of dead owners included.
reservedNow()
return integer(spentToday())
