namespace Containerd.Snapshots;

/// <summary>The user and group that files are reached and made as.</summary>
internal readonly record struct FileIds(uint User, uint Group);
