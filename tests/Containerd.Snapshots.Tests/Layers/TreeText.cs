using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots.Tests;

/// <summary>All that a layer can tell about a tree, a line per file. Times of directories are left out, since what is in them decides whether a layer tells them.</summary>
internal static class TreeText
{
    public static string Of(string root)
    {
        var text = new StringBuilder();
        var names = new Dictionary<FileIdentity, string>();
        using SafeFileHandle directory = MountStack.Open(root);
        Describe(directory, "", names, text);
        return text.ToString();
    }

    private static void Describe(SafeFileHandle directory, string path, Dictionary<FileIdentity, string> names, StringBuilder text)
    {
        var listed = new List<byte[]>();
        DirectoryListing.Visit(directory, path, (name, _) => listed.Add(name.ToArray()));
        listed.Sort((x, y) => x.AsSpan().SequenceCompareTo(y));
        var xattrs = new XattrSet();
        foreach (byte[] name in listed)
        {
            string full = $"{path}/{Encoding.UTF8.GetString(name.AsSpan(..^1))}";
            Assert.That(Sys.Status(directory, name, out EntryStatus status), Is.Zero);
            Assert.That(Files.OpenPath(directory, name.AsSpan(..^1), out SafeFileHandle file).Ok);
            using (file)
                Assert.That(xattrs.TryRead(file, out _));
            text.Append(CultureInfo.InvariantCulture, $"{full} {Convert.ToString(status.TypeAndMode, 8)} {status.UserId}:{status.GroupId}");
            for (int i = 0; i < xattrs.Count; i++)
            {
                xattrs.Get(i, out ReadOnlySpan<byte> attribute, out ReadOnlySpan<byte> value);
                text.Append(CultureInfo.InvariantCulture, $" {Encoding.UTF8.GetString(attribute)}={Convert.ToHexString(value)}");
            }
            if (status.IsDirectory)
            {
                text.AppendLine();
                using SafeFileHandle child = Sys.TryOpenConfined(directory, name, Sys.ReadDirectoryOnly, Sys.RESOLVE_BENEATH, out _)!;
                Describe(child, full, names, text);
                continue;
            }
            names.TryAdd(new FileIdentity(status.Device, status.Inode), full);
            text.Append(CultureInfo.InvariantCulture, $" {status.ModifiedSeconds} {status.Size} {names[new FileIdentity(status.Device, status.Inode)]} {Content(directory, name, status)}\n");
        }
    }

    private static string Content(SafeFileHandle directory, byte[] name, in EntryStatus status)
    {
        byte[] content = new byte[Math.Max(status.Size, 1) + 1];
        int length = 0;
        if (ComparedEntry.IsSymbolicLink(status))
            Assert.That(Files.ReadLink(directory, name.AsSpan(..^1), content, out length).Ok);
        else if (status.IsRegular)
        {
            using SafeFileHandle file = Sys.TryOpenConfined(directory, name, Sys.ReadFileOnly, Sys.RESOLVE_BENEATH, out _)!;
            Assert.That(Files.Read(file, content, 0, out length).Ok);
        }
        else
            return status.RepresentedDevice.ToString(CultureInfo.InvariantCulture);
        return length < 80 ? Encoding.UTF8.GetString(content.AsSpan(0, length)) : Convert.ToHexString(SHA256.HashData(content.AsSpan(0, length)));
    }
}
