namespace Containerd.Snapshots;

/// <summary>Which extended attributes a layer may set .</summary>
internal static class XattrPolicy
{
    /// <summary>
    /// Not <c>trusted.*</c>, nor <c>user.overlay.*</c>, with which an image could make an overlay show other files; of <c>security.*</c> only the
    /// capabilities, unless labels are asked for; of <c>system.*</c> only ACLs.
    /// </summary>
    public static bool Allows(ReadOnlySpan<byte> name, bool securityLabels)
    {
        if (name.StartsWith("user."u8))
            return !OverlayAttributes.IsOverlay(name);
        if (name.StartsWith("security."u8))
            return securityLabels || name.SequenceEqual("security.capability"u8);
        return name.SequenceEqual("system.posix_acl_access"u8) || name.SequenceEqual("system.posix_acl_default"u8);
    }
}
