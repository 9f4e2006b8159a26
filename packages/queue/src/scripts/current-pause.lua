-- ARGV: prefix. Returns {who, since} of the pause of everything, or nothing.
return currentPause()
