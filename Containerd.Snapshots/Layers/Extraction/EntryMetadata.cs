using System.Buffers;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>Sets owner, attributes, mode and times of what an entry made, in the order in which they do not undo each other .</summary>
/// <remarks>
/// Changing the owner clears set-id bits and capabilities, so it comes first; everything goes through the handle of the file itself, so that a link
/// swapped into its place is never followed (CVE-2021-32760).
/// </remarks>
internal sealed class EntryMetadata(bool securityLabels, ILogger logger)
{
    private const int MaxXattrListBytes = 64 << 10, MaxXattrNameBytes = 255; // linux/limits.h XATTR_LIST_MAX, XATTR_NAME_MAX

    private bool _refusedReported, _unsupportedReported, _unknownAclReported;

    /// <summary>For a new regular file, opened.</summary>
    public void ApplyToFile(SafeFileHandle file, TarEntry entry)
    {
        Check(Interop.Files.Status(file, out Interop.FileStatus status), "look at", entry);
        Apply(file, status, entry);
        Check(Interop.Files.SetTimes(file, AccessTime(entry), ModifyTime(entry)), "set the times of", entry);
    }

    /// <summary>All but the times, for a regular file or a directory, opened.</summary>
    public void Apply(SafeFileHandle file, in Interop.FileStatus status, TarEntry entry)
    {
        // Most of what an image has belongs to whoever extracts it, with a mode that the umask leaves alone: to look costs a fifth of setting both.
        bool ownerDiffers = status.Uid != entry.Uid || status.Gid != entry.Gid;
        if (ownerDiffers)
            CheckOwner(Interop.Files.SetOwner(file, entry.Uid, entry.Gid), "set the owner of", entry);
        if (entry.HasXattrs)
            SetXattrs(file, entry, mayRefuseUser: false);
        // An owner that is set takes set-id bits away, an ACL sets the rights of the group.
        if (ownerDiffers || entry.HasXattrs || status.Permissions != entry.Mode)
            Check(Interop.Files.SetPermissions(file, entry.Mode), "set the mode of", entry);
        if (entry.Xattrs.HasAclText)
            SetXattrs(file, entry, mayRefuseUser: false); // libarchive's mode has the group's own rights where the file's has the mask
    }

    /// <summary>For a new symbolic link, which has neither a mode nor, normally, attributes.</summary>
    public void ApplyToLink(SafeFileHandle directory, ReadOnlySpan<byte> name, TarEntry entry)
    {
        CheckOwner(Interop.Files.SetOwner(directory, name, entry.Uid, entry.Gid), "set the owner of", entry);
        if (entry.HasXattrs)
        {
            Check(Interop.Files.OpenPath(directory, name, out SafeFileHandle link), "open", entry);
            using (link)
                SetXattrs(link, entry, mayRefuseUser: true);
        }
        Check(Interop.Files.SetTimes(directory, name, AccessTime(entry), ModifyTime(entry)), "set the times of", entry);
    }

    /// <summary>For a new device or fifo.</summary>
    public void ApplyToNode(SafeFileHandle directory, ReadOnlySpan<byte> name, int type, TarEntry entry, bool inheritsAcl)
    {
        Check(Interop.Files.OpenPath(directory, name, out SafeFileHandle node), "open", entry);
        using (node)
        {
            Check(Interop.Files.Status(node, out Interop.FileStatus status), "look at", entry);
            if (status.Type != type)
                throw Swapped(entry);
            if (inheritsAcl)
                AccessControl.RemoveInherited(node, ArchiveText.Safe(entry.Name));
            CheckOwner(Interop.Files.SetOwner(node, entry.Uid, entry.Gid), "set the owner of", entry);
            if (entry.HasXattrs)
                SetXattrs(node, entry, mayRefuseUser: true);
            Check(Interop.Files.SetPermissionsOfPath(node, entry.Mode), "set the mode of", entry);
            if (entry.Xattrs.HasAclText)
                SetXattrs(node, entry, mayRefuseUser: true);
            Check(Interop.Files.SetTimesOfPath(node, AccessTime(entry), ModifyTime(entry)), "set the times of", entry);
        }
    }

    /// <summary>
    /// For a new hard link: the header describes the file too. What is right already is left alone, since setting an owner, be it the same, would drop
    /// the file's capabilities.
    /// </summary>
    public void ApplyToHardLink(SafeFileHandle directory, ReadOnlySpan<byte> name, in Interop.FileStatus target, TarEntry entry)
    {
        Check(Interop.Files.OpenPath(directory, name, out SafeFileHandle file), "open", entry);
        using (file)
        {
            Check(Interop.Files.Status(file, out Interop.FileStatus status), "look at", entry);
            if (status.Inode != target.Inode || status.Device != target.Device)
                throw Swapped(entry);
            bool ownerDiffers = status.Uid != entry.Uid || status.Gid != entry.Gid;
            if (ownerDiffers)
                CheckOwner(Interop.Files.SetOwner(file, entry.Uid, entry.Gid), "set the owner of", entry);
            if (entry.HasXattrs)
                SetXattrs(file, entry, mayRefuseUser: !status.IsRegular);
            // Where there is an ACL that this entry does not tell again, a chmod would change its mask.
            if (!status.IsSymbolicLink && (ownerDiffers || (status.Permissions != entry.Mode && (entry.HasXattrs || !AccessControl.IsOn(file)))))
                Check(Interop.Files.SetPermissionsOfPath(file, entry.Mode), "set the mode of", entry);
            if (entry.Xattrs.HasAclText)
                SetXattrs(file, entry, mayRefuseUser: !status.IsRegular);
            Check(Interop.Files.SetTimesOfPath(file, AccessTime(entry), ModifyTime(entry)), "set the times of", entry);
        }
    }

    /// <summary>Takes from a directory that was there already the attributes that its entry does not have: the entry's replace them (image-spec layer.md).</summary>
    public void RemoveStaleXattrs(SafeFileHandle directory, TarEntry entry)
    {
        byte[] names = ArrayPool<byte>.Shared.Rent(MaxXattrListBytes);
        try
        {
            Interop.FileResult listed = Interop.Xattr.List(directory, names, out int length);
            if (listed.Unsupported)
                return;
            Check(listed, "list the attributes of", entry);
            if (length == 0)
                return;
            HashSet<byte[]>.AlternateLookup<ReadOnlySpan<byte>> wanted = NamesOf(entry);
            for (ReadOnlySpan<byte> rest = names.AsSpan(0, length); !rest.IsEmpty;)
            {
                ReadOnlySpan<byte> name = Interop.Xattr.TakeName(ref rest);
                if (!XattrPolicy.Allows(name, securityLabels) || wanted.Contains(name))
                    continue;
                Interop.FileResult removed = Interop.Xattr.Remove(directory, name);
                if (!removed.NoData)
                    Check(removed, "remove an attribute of", entry);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(names);
        }
    }

    /// <summary>The modification time; one that no file can have is the epoch, as in containerd.</summary>
    public static Interop.FileTime ModifyTime(TarEntry entry) => Bounded(entry.ModifyTime);

    /// <summary>The access time, never before the modification.</summary>
    public static Interop.FileTime AccessTime(TarEntry entry)
    {
        Interop.FileTime access = Bounded(entry.AccessTime), modify = Bounded(entry.ModifyTime);
        return access.CompareTo(modify) > 0 ? access : modify;
    }

    // The last time that fits into 64 bits of nanoseconds, in the year 2262: containerd's bound.
    private static Interop.FileTime Bounded(Interop.FileTime time) => time.Seconds is < 0 or > long.MaxValue / 1_000_000_000 ? default : time;

    /// <summary>Holds the setting of an owner to the reason that it most often fails for in a user namespace .</summary>
    public static void CheckOwner(Interop.FileResult result, string operation, TarEntry entry)
    {
        if (result.InvalidRequest && UserNamespace.IsInside)
        {
            string safe = ArchiveText.Safe(entry.Name);
            throw new ContainerdException(
                ErrorKind.PermissionDenied,
                $"Cannot {operation} '{safe}': the user namespace does not map {entry.Uid}:{entry.Gid}; give it a larger range of owners (/etc/subuid and /etc/subgid).")
            {
                Subject = safe,
            };
        }
        Check(result, operation, entry);
    }

    private void SetXattrs(SafeFileHandle file, TarEntry entry, bool mayRefuseUser)
    {
        if (entry.Xattrs.HasUnknownAcl)
        {
            if (!_unknownAclReported)
                LayerApplierLog.AclWithoutNumbers(logger, ArchiveText.Safe(entry.Name));
            _unknownAclReported = true;
        }
        for (int i = 0; i < entry.Xattrs.XattrCount; i++)
        {
            entry.Xattrs.Xattr(i, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value);
            if (!XattrPolicy.Allows(name, securityLabels))
            {
                if (!_refusedReported)
                    LayerApplierLog.AttributeRefused(logger, ArchiveText.Safe(name), ArchiveText.Safe(entry.Name));
                _refusedReported = true;
                continue;
            }
            if (name.Length > MaxXattrNameBytes)
                throw TarError.Invalid($"the name of an extended attribute has {name.Length} bytes, more than the {MaxXattrNameBytes} that the kernel takes", entry.Name);
            Interop.FileResult result = Interop.Xattr.Set(file, name, value);
            if (result.NoSpace && Interop.Sys.HasRoom(file))
                throw CannotHold(result, name, value.Length, entry);
            if (result.Unsupported)
            {
                if (!_unsupportedReported)
                    LayerApplierLog.AttributeUnsupported(logger, ArchiveText.Safe(name), ArchiveText.Safe(entry.Name));
                _unsupportedReported = true;
            }
            else if (!(result.NotPermitted && mayRefuseUser && name.StartsWith("user."u8))) // only files and directories have user.*
                Check(result, $"set the extended attribute {ArchiveText.Safe(name)} of", entry);
        }
    }

    private static HashSet<byte[]>.AlternateLookup<ReadOnlySpan<byte>> NamesOf(TarEntry entry)
    {
        var names = new HashSet<byte[]>(ByteSequenceComparer.Instance).GetAlternateLookup<ReadOnlySpan<byte>>();
        for (int i = 0; i < entry.Xattrs.XattrCount; i++)
        {
            entry.Xattrs.Xattr(i, out ReadOnlySpan<byte> name, out _);
            names.Add(name);
        }
        return names;
    }

    private static ContainerdException CannotHold(Interop.FileResult result, ReadOnlySpan<byte> name, int length, TarEntry entry)
    {
        string safe = ArchiveText.Safe(entry.Name);
        return result.ToException(
            ErrorKind.ResourceExhausted,
            $"Cannot apply the layer's entry '{safe}': the file system keeps less with a file than its extended attribute {ArchiveText.Safe(name)} of {length} bytes. Use one that keeps more (xfs).",
            safe);
    }

    private static ContainerdException Swapped(TarEntry entry)
    {
        string safe = ArchiveText.Safe(entry.Name);
        return new ContainerdException(ErrorKind.Unavailable, $"Cannot apply the layer's entry '{safe}': another process replaced it meanwhile.") { Subject = safe };
    }

    private static void Check(Interop.FileResult result, string operation, TarEntry entry)
    {
        if (!result.Ok)
            throw result.ToException(operation, ArchiveText.Safe(entry.Name));
    }
}
