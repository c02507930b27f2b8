<#
.SYNOPSIS
    Serves another model, as the old script of this name did.
.EXAMPLE
    .\model_switcher.ps1 -Model "D:\models\phinance.gguf"
.NOTES
    A thin layer over `model-switcher switch`, which must be on the PATH. The exit status is that of the command.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true, Position = 0)][string] $Model,
    [switch] $Now,
    [string] $Config
)
$words = @()
if ($Config) { $words += @('--config', $Config) }
$words += @('switch', $Model)
if ($Now) { $words += '--now' }
& model-switcher @words
exit $LASTEXITCODE
