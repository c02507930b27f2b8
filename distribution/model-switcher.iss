; The installer for Windows, for one user, without an administrator's rights. Inno Setup 6 compiles it:
;
;     iscc /DVersion=0.1.0 distribution\model-switcher.iss
;
; It wants the one-folder build in dist\model-switcher, and makes dist\model-switcher-VERSION-setup.exe.

#ifndef Version
  #define Version "0.1.0"
#endif

[Setup]
AppId={{5B1C2B0E-6C0B-4C55-9C0E-0B7B4A3B7E51}
AppName=Model Switcher
AppVersion={#Version}
AppPublisher=Model Switcher
DefaultDirName={autopf}\Model Switcher
DefaultGroupName=Model Switcher
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
OutputDir=..\dist
OutputBaseFilename=model-switcher-{#Version}-setup
SetupIconFile=..\resources\model-switcher.ico
UninstallDisplayIcon={app}\model-switcher-tray.exe
LicenseFile=..\LICENSE
Compression=lzma2
SolidCompression=yes
WizardStyle=modern
; The running program is asked to end in order first (see [Code]); what Windows' restart manager finds besides is closed.
CloseApplications=yes

[Tasks]
Name: "login"; Description: "Start Model Switcher when I log in"

[InstallDelete]
; Libraries of the version before must not stay beside those of this one.
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "..\dist\model-switcher\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs

[Icons]
Name: "{autoprograms}\Model Switcher"; Filename: "{app}\model-switcher-tray.exe"

[Run]
Filename: "{app}\model-switcher.exe"; Parameters: "autostart on"; Flags: runhidden; Tasks: login
Filename: "{app}\model-switcher-tray.exe"; Description: "Start Model Switcher"; Flags: nowait postinstall skipifsilent

[UninstallRun]
Filename: "{app}\model-switcher.exe"; Parameters: "autostart off"; Flags: runhidden; RunOnceId: "login"
Filename: "{app}\model-switcher.exe"; Parameters: "quit"; Flags: runhidden; RunOnceId: "quit"

[Code]
function PrepareToInstall(var NeedsRestart: Boolean): String;
var
  Status: Integer;
begin
  if FileExists(ExpandConstant('{app}\model-switcher.exe')) then
    Exec(ExpandConstant('{app}\model-switcher.exe'), 'quit', '', SW_HIDE, ewWaitUntilTerminated, Status);
  Result := '';
end;
