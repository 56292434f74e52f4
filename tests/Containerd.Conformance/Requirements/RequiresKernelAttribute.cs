namespace Containerd.Conformance;

/// <summary>The test uses an interface that the kernel has from a version on.</summary>
/// <param name="major">Major version.</param>
/// <param name="minor">Minor version.</param>
public sealed class RequiresKernelAttribute(int major, int minor) : RequirementAttribute
{
    /// <summary>Major version.</summary>
    public int Major => major;

    /// <summary>Minor version.</summary>
    public int Minor => minor;

    /// <inheritdoc/>
    public override string Need => $"kernel:{major}.{minor}";

    /// <inheritdoc/>
    public override bool IsMet => OperatingSystem.IsLinux()
        && Environment.OSVersion.Version >= new Version(major, minor);
}
