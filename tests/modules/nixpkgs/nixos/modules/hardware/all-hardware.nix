# hardware.enableAllHardware: the table has the option.
{ }
