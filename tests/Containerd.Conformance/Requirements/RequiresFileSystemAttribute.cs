namespace Containerd.Conformance;

/// <summary>The test mounts a file system that the kernel must have registered.</summary>
/// <param name="type">The type as in <c>/proc/filesystems</c>.</param>
public sealed class RequiresFileSystemAttribute(string type) : RequirementAttribute
{
    /// <summary>The type as in <c>/proc/filesystems</c>.</summary>
    public string Type => type;

    /// <inheritdoc/>
    public override string Need => $"filesystem:{type}";

    /// <inheritdoc/>
    public override bool IsMet => OperatingSystem.IsLinux()
        && File.ReadLines("/proc/filesystems").Any(line => line.Split('\t')[^1] == type);
}
