-- The old name of sys: both are one table.
return sys or require "sys"
