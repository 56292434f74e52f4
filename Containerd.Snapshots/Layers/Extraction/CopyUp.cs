using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>Brings files of lower layers into the upper directory with all that makes them the same file, as overlayfs does when one is changed.</summary>
internal static class CopyUp
{
    public const int MaxXattrLength = 64 << 10; // linux/limits.h XATTR_SIZE_MAX and XATTR_LIST_MAX

    /// <summary>Copies a file that is not a directory from the topmost lower layer that has it; false where none shows it.</summary>
    public static bool CopyFile(MergedDirectory directory, ReadOnlySpan<byte> name, OverlayAttributes overlay, FileContent content)
    {
        string subject = ArchiveText.Safe(name);
        foreach (SafeFileHandle lower in directory.Lowers)
        {
            Interop.FileResult found = Interop.Files.Status(lower, name, out Interop.FileStatus status);
            if (found.Missing)
                continue;
            if (!found.Ok)
                throw found.ToException("look at the lower layer's", subject);
            if (status.IsWhiteout || status.IsDirectory)
                return false;
            Copy(lower, directory.Handle, name, status, overlay, content);
            return true;
        }
        return false;
    }

    /// <summary>Gives a file owner, attributes, mode and times of another, in the order in which they do not undo each other.</summary>
    public static void CopyAttributes(SafeFileHandle from, SafeFileHandle to, string subject)
    {
        Check(Interop.Files.Status(from, out Interop.FileStatus status), "look at", subject);
        Check(Interop.Files.SetOwner(to, status.Uid, status.Gid), "set the owner of", subject);
        CopyXattrs(from, to, subject);
        Check(Interop.Files.SetPermissions(to, status.Permissions), "set the mode of", subject);
        Check(Interop.Files.SetTimes(to, status.AccessTime, status.ModifyTime), "set the times of", subject);
    }

    private static void Copy(
        SafeFileHandle lower, SafeFileHandle upper, ReadOnlySpan<byte> name, in Interop.FileStatus status, OverlayAttributes overlay, FileContent content)
    {
        string subject = ArchiveText.Safe(name);
        Check(Interop.Files.Status(upper, out Interop.FileStatus before), "look at the directory of", subject);
        Make(lower, upper, name, status, overlay, content);
        Check(Interop.Files.SetTimes(upper, "."u8, before.AccessTime, before.ModifyTime), "set the times of the directory of", subject);
    }

    private static void Make(
        SafeFileHandle lower, SafeFileHandle upper, ReadOnlySpan<byte> name, in Interop.FileStatus status, OverlayAttributes overlay, FileContent content)
    {
        string subject = ArchiveText.Safe(name);
        bool inherits = !status.IsSymbolicLink && AccessControl.IsGivenBy(upper);
        if (status.IsRegular)
        {
            Check(Interop.Files.OpenForReading(lower, name, out SafeFileHandle source), "open the lower layer's", subject);
            using (source)
            {
                if (overlay.IsElsewhere(source))
                    throw TarError.Unsupported("it is a hard link to a file whose data lies in another layer (metacopy), which only a mounted overlay finds", name);
                Check(Interop.Files.CreateFile(upper, name, status.Permissions, out SafeFileHandle target), "create", subject);
                using (target)
                {
                    CopyData(source, target, subject, content);
                    if (inherits)
                        AccessControl.RemoveInherited(target, subject);
                    CopyAttributes(source, target, subject);
                }
            }
            return;
        }
        if (status.IsSymbolicLink)
        {
            byte[] target = new byte[4097];
            Check(Interop.Files.ReadLink(lower, name, target, out int length), "read the link", subject);
            Check(Interop.Files.MakeSymbolicLink(target.AsSpan(0, length), upper, name), "make the link", subject);
        }
        else
            Check(Interop.Files.MakeNode(upper, name, status.Type, status.DeviceMajor, status.DeviceMinor), "make the special file", subject);
        Check(Interop.Files.OpenPath(upper, name, out SafeFileHandle made), "open", subject);
        using (made)
        {
            Check(Interop.Files.SetOwner(made, status.Uid, status.Gid), "set the owner of", subject);
            if (inherits)
                AccessControl.RemoveInherited(made, subject);
            if (!status.IsSymbolicLink)
            {
                Check(Interop.Files.OpenPath(lower, name, out SafeFileHandle source), "open the lower layer's", subject);
                using (source)
                    CopyXattrs(source, made, subject);
                Check(Interop.Files.SetPermissionsOfPath(made, status.Permissions), "set the mode of", subject);
            }
        }
        Check(Interop.Files.SetTimes(upper, name, status.AccessTime, status.ModifyTime), "set the times of", subject);
    }

    private static void CopyData(SafeFileHandle source, SafeFileHandle target, string subject, FileContent content)
    {
        Check(Interop.Files.Details(source, out Interop.FileDetails details), "look at the lower layer's", subject);
        // What another lower layer's file system could not do, this one's may.
        if (!content.Copy(source, target, details, new CopyAbilities(), new LowerFile(subject)))
            throw Changed(subject);
    }

    /// <summary>Whether an extended attribute is copied: not trusted.*, which the kernel's own copy-up makes anew, and no mark of overlayfs.</summary>
    public static bool Copies(ReadOnlySpan<byte> xattr) => !xattr.StartsWith("trusted."u8) && !OverlayAttributes.IsOverlay(xattr);

    private static void CopyXattrs(SafeFileHandle from, SafeFileHandle to, string subject)
    {
        byte[] names = ArrayPool<byte>.Shared.Rent(MaxXattrLength);
        byte[] value = ArrayPool<byte>.Shared.Rent(MaxXattrLength);
        try
        {
            Interop.FileResult listed = Interop.Xattr.List(from, names, out int length);
            if (listed.Unsupported)
                return;
            Check(listed, "list the attributes of the lower layer's", subject);
            for (ReadOnlySpan<byte> rest = names.AsSpan(0, length); !rest.IsEmpty;)
            {
                ReadOnlySpan<byte> name = Interop.Xattr.TakeName(ref rest);
                if (!Copies(name))
                    continue;
                Interop.FileResult read = Interop.Xattr.Get(from, name, value, out int valueLength);
                if (read.NoData)
                    continue;
                Check(read, "read an attribute of the lower layer's", subject);
                Interop.FileResult set = Interop.Xattr.Set(to, name, value.AsSpan(0, valueLength));
                if (!set.Unsupported)
                    Check(set, "set an attribute of", subject);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(names);
            ArrayPool<byte>.Shared.Return(value);
        }
    }

    private static ContainerdException Changed(string subject) => new(
        ErrorKind.FailedPrecondition, $"Copying up '{subject}': the lower layer's file was changed meanwhile. Lower layers have to be left alone.")
    {
        Subject = subject,
    };

    private static void Check(Interop.FileResult result, string operation, string subject)
    {
        if (!result.Ok)
            throw result.ToException(operation, subject);
    }

    private readonly struct LowerFile(string subject) : ICopySubject
    {
        public void CheckSource(Interop.FileResult result, string operation) => Check(result, $"{operation} the lower layer's", subject);

        public void CheckDestination(Interop.FileResult result, string operation) => Check(result, operation, subject);
    }
}
