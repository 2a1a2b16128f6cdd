# Drivers and firmware for most machines.
{
  hardware.enableRedistributableFirmware = true;
}
