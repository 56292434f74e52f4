using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>Gives what was made the owner, extended attributes, mode and times of what it is a copy of, in the order in which they do not undo each other .</summary>
internal sealed class AttributeCopy(ILogger logger, CopyAbilities abilities)
{
    private const int MaxLength = 64 << 10; // linux/limits.h XATTR_SIZE_MAX and XATTR_LIST_MAX

    private const int OwnerWrites = 0x80; // S_IWUSR

    private readonly byte[] _names = new byte[MaxLength];
    private readonly byte[] _otherNames = new byte[MaxLength];
    private readonly byte[] _value = new byte[MaxLength];

    /// <summary>For files and directories that are open.</summary>
    /// <param name="source">What is copied.</param>
    /// <param name="target">What was made.</param>
    /// <param name="details">What the source was.</param>
    /// <param name="subject">Which it is.</param>
    /// <param name="removeOthers">Whether what was made may have attributes of its own, which the source has not.</param>
    public void Apply(SafeFileHandle source, SafeFileHandle target, in FileDetails details, CopySubject subject, bool removeOthers)
    {
        // Most belongs to whoever copies it, with a mode that the umask leaves alone: to look costs a fifth of setting both.
        subject.CheckDestination(Files.Status(target, out FileStatus made), "look at");
        bool ownerDiffers = made.Uid != details.Status.Uid || made.Gid != details.Status.Gid;
        if (ownerDiffers)
            subject.CheckDestination(Files.SetOwner(target, details.Status.Uid, details.Status.Gid), "set the owner of");
        FileResult listed = Xattr.ListOpened(source, _names, out int length);
        // Only root may give user.* to what its owner may not write to.
        if (length > 0 && (made.Permissions & OwnerWrites) == 0)
            subject.CheckDestination(Files.SetPermissions(target, made.Permissions | OwnerWrites), "set the mode of");
        CopyXattrs(source, target, listed, length, subject, removeOthers);
        // An owner that is set takes set-id bits away, an ACL sets the rights of the group.
        if (ownerDiffers || length > 0 || removeOthers || made.Permissions != details.Status.Permissions)
            subject.CheckDestination(Files.SetPermissions(target, details.Status.Permissions), "set the mode of");
        subject.CheckDestination(Files.SetTimes(target, details.Status.AccessTime, details.Status.ModifyTime), "set the times of");
    }

    /// <summary>For symbolic links and special files, known by path handles.</summary>
    public void ApplyToPath(SafeFileHandle source, SafeFileHandle target, in FileDetails details, CopySubject subject, bool removeOthers)
    {
        subject.CheckDestination(Files.SetOwner(target, details.Status.Uid, details.Status.Gid), "set the owner of");
        CopyXattrs(source, target, Xattr.List(source, _names, out int length), length, subject, removeOthers);
        if (!details.Status.IsSymbolicLink)
            subject.CheckDestination(Files.SetPermissionsOfPath(target, details.Status.Permissions), "set the mode of");
        subject.CheckDestination(Files.SetTimesOfPath(target, details.Status.AccessTime, details.Status.ModifyTime), "set the times of");
    }

    private void CopyXattrs(SafeFileHandle source, SafeFileHandle target, FileResult listed, int length, CopySubject subject, bool removeOthers)
    {
        if (!listed.Unsupported)
            subject.CheckSource(listed, "list the extended attributes of");
        ReadOnlySpan<byte> names = _names.AsSpan(0, length);
        if (removeOthers)
            RemoveOthers(target, names, subject);
        while (!names.IsEmpty)
        {
            ReadOnlySpan<byte> name = Xattr.TakeName(ref names);
            if (IsBoundToFile(name))
                continue;
            FileResult read = Xattr.Get(source, name, _value, out int valueLength);
            if (read.NoData)
                throw subject.SourceChanged();
            if (!read.Ok)
                subject.CheckSource(read, $"read the extended attribute {ArchiveText.Safe(name)} of");
            FileResult set = Xattr.Set(target, name, _value.AsSpan(0, valueLength));
            if (set.Ok)
                continue;
            if (!set.Unsupported && !set.AttributeTooLong && !(set.NoSpace && Sys.HasRoom(target)))
                subject.CheckDestination(set, $"set the extended attribute {ArchiveText.Safe(name)} of");
            if (BelongsToFile(name))
                throw CopyFailure.CannotHold(subject.DestinationPath, ArchiveText.Safe(name), set);
            if (abilities.LeavesOutFirstAttribute())
                FileTreeCopierLog.AttributeLeftOut(logger, ArchiveText.Safe(name), Excerpt.Of(subject.DestinationPath));
        }
    }

    private void RemoveOthers(SafeFileHandle target, ReadOnlySpan<byte> names, CopySubject subject)
    {
        FileResult listed = Xattr.List(target, _otherNames, out int length);
        if (listed.Unsupported)
            return;
        subject.CheckDestination(listed, "list the extended attributes of");
        for (ReadOnlySpan<byte> others = _otherNames.AsSpan(0, length); !others.IsEmpty;)
        {
            ReadOnlySpan<byte> other = Xattr.TakeName(ref others);
            if (!BelongsToFile(other) || Contains(names, other))
                continue;
            FileResult removed = Xattr.RemoveOfPath(target, other);
            if (!removed.NoData)
                subject.CheckDestination(removed, $"remove the extended attribute {ArchiveText.Safe(other)} of");
        }
    }

    // What a program or a user put there, and what decides who may do what. The rest is labels of the machine's security policy, and properties of one
    // kind of file system: where another has no such thing, nothing of the file is lost.
    private static bool BelongsToFile(ReadOnlySpan<byte> name) =>
        name.StartsWith("user."u8) || name.StartsWith("trusted."u8) || name.StartsWith("system.posix_acl_"u8) || name.SequenceEqual("security.capability"u8);

    // A keyed hash over the inode number too (security/integrity/evm): the kernel makes a copy's own.
    private static bool IsBoundToFile(ReadOnlySpan<byte> name) => name.SequenceEqual("security.evm"u8);

    private static bool Contains(ReadOnlySpan<byte> names, ReadOnlySpan<byte> wanted)
    {
        while (!names.IsEmpty)
        {
            if (Xattr.TakeName(ref names).SequenceEqual(wanted))
                return true;
        }
        return false;
    }
}
