import java.nio.charset.StandardCharsets;
import java.util.Random;

/**
 * Prints how Java decodes byte sequences as UTF-8, one a line: the bytes in hex, a space, the code
 * points in hex with commas between them. The table beside this file was made with
 *
 *   java Utf8Table.java > utf8.txt
 *
 * and with the argument "all" it prints every sequence of up to four of the bytes that matter:
 *
 *   java Utf8Table.java all > all.txt && ZKSIM_UTF8_TABLE=all.txt go test -run JavaUTF8 .
 */
public class Utf8Table {
    // Both ends of every range that the decoder tells apart, and one byte inside.
    static final int[] BYTES = {
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
        0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xfb, 0xfc, 0xfd, 0xfe, 0xff};
    static final StringBuilder out = new StringBuilder();

    public static void main(String[] args) {
        out.append("# Java ").append(System.getProperty("java.version"))
            .append(": new String(bytes, UTF_8), by Utf8Table.java\n");
        if (args.length > 0 && args[0].equals("all")) {
            for (int n = 1; n <= 4; n++) {
                all(new byte[n], 0);
            }
        } else {
            table();
        }
        System.out.print(out);
    }

    static void table() {
        all(new byte[1], 0);
        all(new byte[2], 0);
        for (int lead : new int[] {0xe0, 0xed}) { // overlong forms and surrogates
            byte[] b = {(byte) lead, 0, 0};
            all(b, 1);
        }
        Random random = new Random(1);
        for (int i = 0; i < 1500; i++) { // leads of four bytes and what may follow, whole and cut off
            byte[] b = new byte[3 + random.nextInt(4)];
            for (int j = 0; j < b.length; j++) {
                b[j] = (byte) BYTES[random.nextInt(3) == 0 ? random.nextInt(BYTES.length) : 3 + random.nextInt(6)];
            }
            b[0] = (byte) BYTES[9 + random.nextInt(BYTES.length - 9)];
            print(b);
        }
    }

    static void all(byte[] b, int at) {
        for (int v : BYTES) {
            b[at] = (byte) v;
            if (at + 1 < b.length) {
                all(b, at + 1);
            } else {
                print(b);
            }
        }
    }

    static void print(byte[] b) {
        for (byte v : b) {
            out.append(String.format("%02x", v));
        }
        String sep = " ";
        for (int c : new String(b, StandardCharsets.UTF_8).codePoints().toArray()) {
            out.append(sep).append(Integer.toHexString(c));
            sep = ",";
        }
        out.append('\n');
        if (out.length() > 1 << 16) {
            System.out.print(out);
            out.setLength(0);
        }
    }
}
