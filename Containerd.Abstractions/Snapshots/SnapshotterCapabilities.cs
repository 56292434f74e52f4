namespace Containerd;

/// <summary>What a snapshotter can do beyond what all can.</summary>
[Flags]
public enum SnapshotterCapabilities
{
    /// <summary>Nothing beyond.</summary>
    None = 0,

    /// <summary>A snapshot prepared without a parent can be given one when it is committed (<see cref="SnapshotCommitOptions.Parent"/>), so that layers can be applied side by side.</summary>
    Rebase = 1,

    /// <summary>Owners can be mapped without copying (<see cref="SnapshotOptions.UserMappings"/>).</summary>
    RemapIds = 2,
}
