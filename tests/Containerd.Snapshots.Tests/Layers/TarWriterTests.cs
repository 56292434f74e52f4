using System.IO.Pipelines;
using System.Text;
using Containerd.Conformance;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots.Tests;

/// <summary>The bytes of headers, against a writer that shares nothing with the one under test; what the differ's conformance cannot make a file system hold.</summary>
public sealed class TarWriterTests
{
    [Test]
    public async Task Plain_entries_are_plain_ustar()
    {
        var options = new TarEntryOptions { Mode = 0x1ED, Uid = 1000, Gid = 2000, ModifyTime = 1_234_567_890 };
        byte[] expected = new TarBuilder()
            .Directory("d", options)
            .File("d/f", "hello", options)
            .SymbolicLink("d/l", "f", options)
            .HardLink("d/h", "d/f", options)
            .Fifo("d/p", options)
            .ToArray();
        var member = new TarMember(TarEntryType.Directory) { Mode = 0x1ED, Uid = 1000, Gid = 2000, ModifySeconds = 1_234_567_890 };
        byte[] written = await WriteAsync(tar =>
        {
            tar.WriteHeader(member, "d/"u8);
            tar.WriteHeader(member with { Type = TarEntryType.RegularFile, Size = 5 }, "d/f"u8);
            "hello"u8.CopyTo(tar.GetMemory().Span);
            tar.Advance(5);
            tar.Pad(5);
            tar.WriteHeader(member with { Type = TarEntryType.SymbolicLink }, "d/l"u8, "f"u8);
            tar.WriteHeader(member with { Type = TarEntryType.HardLink }, "d/h"u8, "d/f"u8);
            tar.WriteHeader(member with { Type = TarEntryType.Fifo }, "d/p"u8);
        });
        Assert.That(written, Is.EqualTo(expected));
    }

    [Test]
    public async Task Numbers_that_do_not_fit_are_in_records()
    {
        byte[] written = await WriteAsync(tar => tar.WriteHeader(
            new TarMember(TarEntryType.Directory) { Size = (1L << 33) - 1, Uid = 2_097_152, Gid = uint.MaxValue, ModifySeconds = -1 }, "d/"u8));
        Assert.That(Encoding.ASCII.GetString(written, 512, 46), Is.EqualTo("18 gid=4294967295\n12 mtime=-1\n15 uid=2097152\n\0"));
        written = await WriteAsync(tar => tar.WriteHeader(new TarMember(TarEntryType.RegularFile) { Size = 1L << 33, ModifySeconds = 1L << 33 }, "f"u8));
        Assert.That(Encoding.ASCII.GetString(written, 512, 38), Is.EqualTo("20 mtime=8589934592\n19 size=8589934592"));
        Assert.That(Encoding.ASCII.GetString(written, 1024 + 124, 12), Is.EqualTo("00000000000\0"));
    }

    [Test]
    public async Task Device_numbers_that_do_not_fit_are_base_256()
    {
        byte[] written = await WriteAsync(tar => tar.WriteHeader(new TarMember(TarEntryType.BlockDevice) { DeviceMajor = 2_097_151, DeviceMinor = 2_097_152 }, "b"u8));
        Assert.That(written[329..345], Is.EqualTo((byte[])[.. "7777777\0"u8, 0x80, 0, 0, 0, 0, 0x20, 0, 0]));
    }

    [Test]
    public async Task Extended_headers_have_a_fixed_name_and_no_time()
    {
        byte[] name = [.. Encoding.UTF8.GetBytes(new string('d', 120) + "/é"), (byte)'/'];
        byte[] written = await WriteAsync(tar => tar.WriteHeader(new TarMember(TarEntryType.Directory) { ModifySeconds = 5 }, name));
        Assert.Multiple(() =>
        {
            Assert.That(Encoding.ASCII.GetString(written, 0, 100).TrimEnd('\0'), Is.EqualTo("PaxHeaders.0/__"));
            Assert.That(Encoding.ASCII.GetString(written, 136, 12), Is.EqualTo("00000000000\0"));
            Assert.That(written[512..(512 + 134)], Is.EqualTo(Encoding.UTF8.GetBytes($"134 path={new string('d', 120)}/é/\n")));
        });
    }

    [Test]
    public async Task A_records_length_counts_its_own_digits()
    {
        for (int length = 80; length < 1010; length++)
        {
            byte[] target = new byte[length];
            Array.Fill(target, (byte)'t');
            target[0] = 0xFF;
            byte[] written = await WriteAsync(tar => tar.WriteHeader(new TarMember(TarEntryType.SymbolicLink), "l"u8, target));
            byte[] expected = TarBuilder.PaxRecords([("hdrcharset", "BINARY"u8.ToArray()), ("linkpath", target)]);
            Assert.That(written.AsSpan(512, expected.Length).SequenceEqual(expected), $"{length}");
        }
    }

    /// <summary>What only GNU tar takes back is escaped where it has to be: go's archive/tar and libarchive take it for the name.</summary>
    [TestCase("user.100%", "user.100%")]
    [TestCase("user.%41 %3d %2", "user.%41 %3d %2")]
    [TestCase("user.a=b", "user.a%3Db")]
    [TestCase("user.%3D%25%", "user.%253D%2525%")]
    [TestCase("user.%%3D=%", "user.%%253D%3D%")]
    public async Task Names_of_attributes_are_written_as_they_are_where_that_can_be(string name, string expected)
    {
        var file = new XattrSet();
        using var scratch = new LayerScratch();
        FileXattr.Set(scratch.Tree, name, [1]);
        using (SafeFileHandle tree = MountStack.Open(scratch.Tree))
            Assert.That(file.TryRead(tree, out _));
        byte[] written = await WriteAsync(tar => tar.WriteHeader(new TarMember(TarEntryType.Directory), "d/"u8, default, file));
        int length = Convert.ToInt32(Encoding.ASCII.GetString(written, 124, 11), 8);
        Assert.That(Encoding.ASCII.GetString(written, 512, length), Does.EndWith($" SCHILY.xattr.{expected}=\u0001\n"));
        var records = new PaxRecords();
        records.Parse(written.AsSpan(512, length), global: false);
        records.Xattr(0, out ReadOnlySpan<byte> read, out _);
        Assert.That(Encoding.ASCII.GetString(read), Is.EqualTo(name));
    }

    [Test]
    public void An_entry_costs_no_memory()
    {
        var tar = new TarWriter(PipeWriter.Create(Stream.Null));
        var member = new TarMember(TarEntryType.RegularFile) { Uid = uint.MaxValue };
        Write(1000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Write(1000);
        Assert.That((GC.GetAllocatedBytesForCurrentThread() - before) / 1000, Is.LessThan(16));

        void Write(int count)
        {
            for (int i = 0; i < count; i++)
            {
                tar.WriteHeader(member, "some/name"u8);
                ValueTask flushed = tar.FlushAsync(isEnd: false, default);
                if (!flushed.IsCompletedSuccessfully)
                    throw new InvalidOperationException("nothing is to be waited for");
            }
        }
    }

    private static async Task<byte[]> WriteAsync(Action<TarWriter> write)
    {
        using var written = new MemoryStream();
        PipeWriter output = PipeWriter.Create(written, new StreamPipeWriterOptions(leaveOpen: true));
        var tar = new TarWriter(output);
        write(tar);
        tar.WriteEnd();
        await tar.FlushAsync(isEnd: true, default);
        await output.CompleteAsync();
        return written.ToArray();
    }
}
