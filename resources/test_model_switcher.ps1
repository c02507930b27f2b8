<#
.SYNOPSIS
    Tries switching with your own models, as the old script of this name did: start, switch, switch back, memory free.
.NOTES
    A thin layer over `model-switcher selftest`, which must be on the PATH. The exit status is that of the command.
#>
[CmdletBinding()]
param([string] $Config)
$words = @()
if ($Config) { $words += @('--config', $Config) }
& model-switcher @words selftest
exit $LASTEXITCODE
